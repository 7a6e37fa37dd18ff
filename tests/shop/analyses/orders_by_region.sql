select region, sum(order_count) as orders
from {{ ref('dim_customers') }}
group by region
